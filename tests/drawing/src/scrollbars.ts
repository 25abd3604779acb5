export { Scrollbars as default } from 'react-custom-scrollbars-2';
